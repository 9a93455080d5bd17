# One image with weir-controller, weir-proxy and weirctl. Any Debian 12 or 13 will do as the base:
#   docker build -t weir . [--build-arg BASE=…]
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
COPY tools/install-packages /weir/tools/
RUN /weir/tools/install-packages build
COPY . /weir
WORKDIR /weir
RUN cmake --preset release \
 && cmake --build --preset release --target bin/weir-controller bin/weir-proxy bin/weirctl \
 && install -D --strip --target-directory=/image/bin \
      build/release/bin/weir-controller build/release/bin/weir-proxy build/release/bin/weirctl \
 && ln -s weirctl /image/bin/kubectl-weir
# The packages that the programs' shared libraries come from: their names differ between releases.
# ldd may say /lib where the package says /usr/lib.
RUN ldd /image/bin/weir-controller /image/bin/weir-proxy /image/bin/weirctl \
      | awk '$2 == "=>" {print $3}' | sort -u \
      | while read -r library; do \
          dpkg-query -S "$library" 2>/dev/null || dpkg-query -S "/usr$library" || exit 1; \
        done > /image/owners \
 && cut -d: -f1 /image/owners | sort -u > /image/packages

FROM ${BASE}
COPY --from=build /image/packages /usr/local/share/weir/packages
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive xargs -a /usr/local/share/weir/packages \
      apt-get install -y --no-install-recommends \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /image/bin/ /usr/local/bin/
USER 65532:65532
CMD ["weirctl", "--help"]
