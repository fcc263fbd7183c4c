/* Sends RF frames to musse-stream as a scanner bridge does; docs/protocol.md explains every header field.
 * cc publisher.c -o publisher $(pkg-config --cflags --libs libzmq msgpack) -lm; newer systems: msgpack-c */
#include <limits.h>
#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

enum { SAMPLES = 2000, LINES = 64, RATE = 20, PULSE = 20 };
static const double FS = 40e6, FC = 5e6; /* Hz */
static double tissue[LINES][SAMPLES + 1];
static int16_t frame[LINES][SAMPLES]; /* "<i2": this computer is little-endian */

static void acquire(long k) { /* your scanner's frame k; made up: pressed by 0.2 % ten times, then let go */
    for (int n = 0; n < LINES * SAMPLES; n++) {
        double depth = fmin(n % SAMPLES * (1 + 0.002 * (10 - labs(k % 20 - 10))), SAMPLES - 1);
        double *at = &tissue[n / SAMPLES][(int)depth], share = depth - floor(depth);
        frame[n / SAMPLES][n % SAMPLES] = (int16_t)((1 - share) * at[0] + share * at[1]);
    }
}
static msgpack_packer p;
static void key(const char *t) { msgpack_pack_str(&p, strlen(t)), msgpack_pack_str_body(&p, t, strlen(t)); }
static void text(const char *name, const char *value) { key(name), key(value); }
static void whole(const char *name, int64_t value) { key(name), msgpack_pack_int64(&p, value); }
static void number(const char *name, double value) { key(name), msgpack_pack_double(&p, value); }

int main(int argc, char **argv) {
    for (int n = 0; n < LINES * SAMPLES; n++) /* white noise, each value with a pulse along the beam */
        for (int i = -PULSE, weight = rand() % 1001 - 500; i <= PULSE; i++)
            if (n % SAMPLES + i >= 0 && n % SAMPLES + i < SAMPLES)
                tissue[n / SAMPLES][n % SAMPLES + i] +=
                    weight * pow(cos(M_PI / 2 * i / PULSE), 2) * cos(2 * M_PI * FC / FS * i);
    char address[256], session[24];
    snprintf(session, sizeof session, "%ld", (long)time(NULL)); /* a new one for every start */
    void *link = zmq_socket(zmq_ctx_new(), ZMQ_PUB);
    zmq_setsockopt(link, ZMQ_SNDHWM, &(int){64}, sizeof(int)); /* the default of 1000 frames is gigabytes */
    if (zmq_bind(link, argc > 1 ? argv[1] : "tcp://127.0.0.1:5560")) return perror("bind"), 1;
    zmq_getsockopt(link, ZMQ_LAST_ENDPOINT, address, &(size_t){sizeof address});
    printf("sending on %s\n", address), fflush(stdout);
    for (long k = 0; k < LONG_MAX; k++, nanosleep(&(struct timespec){0, 1000000000 / RATE}, NULL)) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now), acquire(k);
        msgpack_sbuffer header;
        msgpack_sbuffer_init(&header), msgpack_packer_init(&p, &header, msgpack_sbuffer_write);
        msgpack_pack_map(&p, 15), text("schema", "musse.rf"), whole("version", 1);
        text("source_id", "example-c"), text("session_id", session), whole("frame_index", k);
        text("clock", "unix"), whole("t_acq", now.tv_sec * 1000000000LL + now.tv_nsec); /* ns */
        key("shape"), msgpack_pack_array(&p, 2), msgpack_pack_int(&p, SAMPLES), msgpack_pack_int(&p, LINES);
        text("kind", "rf"), text("dtype", "<i2"), text("axes", "lateral,axial");
        number("sampling_frequency", FS), number("center_frequency", FC); /* Hz */
        text("probe_type", "linear"), number("line_pitch", 0.3e-3);       /* m */
        zmq_send(link, "rf/example-c/", 13, ZMQ_SNDMORE);
        zmq_send(link, header.data, header.size, ZMQ_SNDMORE);
        zmq_send(link, frame, sizeof frame, 0), msgpack_sbuffer_destroy(&header);
    }
}
