# The node in a container: RF frames in, strain on 5561, metrics and health on 5562.
#
#   docker build -t musse-stream .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -p 5561:5561 -p 127.0.0.1:5562:5562 \
#       -v KEYS:/keys:ro musse-stream --connect tcp://192.168.0.10:5560
#
# On an NVIDIA card, with the NVIDIA Container Toolkit; engines are compiled for the card at the first frames
# of each geometry, and stay in the volume:
#
#   docker build -t musse-stream-nvidia --target nvidia .
#   docker run --gpus all -v ENGINES:/var/cache/musse-stream -p 5561:5561 -p 127.0.0.1:5562:5562 \
#       -v KEYS:/keys:ro musse-stream-nvidia --connect tcp://192.168.0.10:5560
#
# KEYS is a folder with musse.key, owned by user 10001 (`musse-stream keys new`), and musse.allowed. Without it
# the node does not start, unless --insecure is given after the image's name.
#
# Inside, the node binds to all addresses; what is reachable from outside is what you publish with -p.
# `make test-long` builds the image for the CPU on another BASE, Debian from mmdebstrap, and runs it. The one for
# NVIDIA has not been built: a test checks its paths, options and addresses.

# any Debian or Ubuntu with `python` 3.11 or later, its venv, and pip
ARG BASE=python:3.11-slim-bookworm

FROM $BASE AS source
RUN python -m venv --without-pip /opt/musse-stream
WORKDIR /source

FROM source AS build
# PyTorch first and exactly, for the CPU: where your package index offers a build with CUDA (gigabytes),
# name one that does not: --build-arg TORCH_INDEX=URL
ARG TORCH_INDEX=
RUN python -m pip --python /opt/musse-stream/bin/python install --no-cache-dir \
    ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0
COPY pyproject.toml README.md LICENSE ./
COPY engine engine
COPY streamer streamer
COPY tools tools
RUN python -m pip --python /opt/musse-stream/bin/python install --no-cache-dir .

FROM source AS build-nvidia
# PyTorch for CUDA, which is what the public index offers for Linux; else --build-arg TORCH_CUDA_INDEX=URL
ARG TORCH_CUDA_INDEX=
RUN python -m pip --python /opt/musse-stream/bin/python install --no-cache-dir \
    ${TORCH_CUDA_INDEX:+--index-url "$TORCH_CUDA_INDEX"} torch==2.13.0
COPY pyproject.toml README.md LICENSE ./
COPY engine engine
COPY streamer streamer
COPY tools tools
# for RTX cards; for data-centre cards --build-arg TENSORRT=tensorrt
ARG TENSORRT=tensorrt-rtx
RUN python -m pip --python /opt/musse-stream/bin/python install --no-cache-dir ".[$TENSORRT]"

FROM $BASE AS runtime
ENV PATH=/opt/musse-stream/bin:$PATH
# what OpenCV's library is linked with; the window itself runs where the screen is
RUN apt-get update && apt-get install -y libgl1 libglib2.0-0 libxcb1 --no-install-recommends && \
    rm -rf /var/lib/apt/lists/*
RUN useradd --system --no-create-home --uid 10001 musse && \
    mkdir /var/cache/musse-stream && chown musse /var/cache/musse-stream
USER musse
EXPOSE 5561 5562
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5562/livez', timeout=2)"]
COPY configs/container.toml /etc/musse-stream.toml

FROM runtime AS nvidia
COPY --from=build-nvidia /opt/musse-stream /opt/musse-stream
# what the NVIDIA Container Toolkit brings into the container
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
# the compiled engines
ENV XDG_CACHE_HOME=/var/cache
VOLUME /var/cache/musse-stream
ENTRYPOINT ["musse-stream", "run", "--config", "/etc/musse-stream.toml", "--bind", "tcp://0.0.0.0:5561", "--http", "0.0.0.0:5562", "--engine", "tensorrt"]
CMD ["--connect", "tcp://host.docker.internal:5560"]

FROM runtime AS cpu
COPY --from=build /opt/musse-stream /opt/musse-stream
ENTRYPOINT ["musse-stream", "run", "--config", "/etc/musse-stream.toml", "--bind", "tcp://0.0.0.0:5561", "--http", "0.0.0.0:5562"]
# where frames come from, by default the computer that runs the container; on Linux add
# --add-host host.docker.internal:host-gateway to `docker run`
CMD ["--connect", "tcp://host.docker.internal:5560"]
