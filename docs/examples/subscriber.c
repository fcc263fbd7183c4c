/* Prints the strain of a musse-stream node: the mean of every pair.
 * cc subscriber.c -o subscriber $(pkg-config --cflags --libs libzmq msgpack) -lm; newer systems: msgpack-c */
#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

static int is(msgpack_object text, const char *value) {
    return text.type == MSGPACK_OBJECT_STR && text.via.str.size == strlen(value) &&
           !memcmp(text.via.str.ptr, value, strlen(value));
}
/* The value of a key in a map; nil where it has none. */
static msgpack_object get(msgpack_object map, const char *key) {
    if (map.type == MSGPACK_OBJECT_MAP)
        for (uint32_t n = 0; n < map.via.map.size; n++)
            if (is(map.via.map.ptr[n].key, key)) return map.via.map.ptr[n].val;
    return (msgpack_object){.type = MSGPACK_OBJECT_NIL};
}

int main(int argc, char **argv) {
    void *link = zmq_socket(zmq_ctx_new(), ZMQ_SUB);
    /* the newest 4 messages; never ZMQ_CONFLATE: it would deliver the last part without its header */
    zmq_setsockopt(link, ZMQ_RCVHWM, &(int){4}, sizeof(int));
    zmq_setsockopt(link, ZMQ_SUBSCRIBE, "strain/", 7); /* or of one source: "strain/example/" */
    if (zmq_connect(link, argc > 1 ? argv[1] : "tcp://127.0.0.1:5561")) return perror("connect"), 1;
    for (;;) {
        zmq_msg_t part;
        msgpack_unpacked header;
        msgpack_unpacked_init(&header);
        msgpack_object map = {.type = MSGPACK_OBJECT_NIL}, arrays = map;
        for (int number = 0, more = 1; more; number++) { /* topic, header, arrays */
            zmq_msg_init(&part);
            if (zmq_msg_recv(&part, link, 0) < 0) return perror("receive"), 1;
            if (number == 1) {
                if (msgpack_unpack_next(&header, zmq_msg_data(&part), zmq_msg_size(&part), NULL) < 0)
                    return fprintf(stderr, "the header is no MessagePack\n"), 1;
                map = header.data, arrays = get(map, "arrays");
                if (!is(get(map, "schema"), "musse.strain") || get(map, "version").via.i64 != 1)
                    return fprintf(stderr, "cannot read this version\n"), 1;
                printf("frames %lld to %lld:", (long long)get(map, "pre_index").via.i64,
                       (long long)get(map, "post_index").via.i64);
                msgpack_object rejection = get(map, "rejection");
                if (rejection.type == MSGPACK_OBJECT_STR)
                    printf(" no value: %.*s", (int)rejection.via.str.size, rejection.via.str.ptr);
            } else if (number > 1 && number - 2 < (int)arrays.via.array.size &&
                       is(get(arrays.via.array.ptr[number - 2], "name"), "axial_strain")) {
                const float *strain = zmq_msg_data(&part); /* "<f4", rows first; NaN: no value */
                size_t cells = zmq_msg_size(&part) / sizeof *strain, valid = 0;
                double sum = 0;
                for (size_t n = 0; n < cells; n++)
                    if (!isnan(strain[n])) sum += strain[n], valid++;
                printf(" strain %+.3f%% in %zu of %zu cells", 100 * sum / (double)valid, valid, cells);
            }
            more = zmq_msg_more(&part), zmq_msg_close(&part);
        }
        printf("\n"), fflush(stdout), msgpack_unpacked_destroy(&header);
    }
}
