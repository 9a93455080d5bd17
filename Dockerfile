# One image with weir-controller, weir-proxy and weirctl, the libraries that they need, CA
# certificates, and nothing else: no shell, no package manager. `make image` builds it with what is
# there, also where no registry can be reached; with docker alone it is
#   docker build -t weir .
# Any Debian 12 or 13 will do as the base to build on: --build-arg BASE=…
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
COPY tools/install-packages /weir/tools/
RUN /weir/tools/install-packages build image
COPY . /weir
WORKDIR /weir
RUN cmake --preset release \
 && cmake --build --preset release --target bin/weir-controller bin/weir-proxy bin/weirctl
RUN tools/image-root /image

FROM scratch
COPY --from=build /image/ /
ENV PATH=/usr/local/bin
USER 65532:65532
CMD ["weirctl", "--help"]
