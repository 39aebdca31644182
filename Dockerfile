# One static binary on an empty file system. Static with glibc: musl's allocator costs several times the processor time.
# The service is the last target and so the default; `--target drill` is the drill, for its load pods in a cluster. # [repository]
# BuildKit only (`docker build`, `buildah build`): the cache mounts keep dependencies built between builds.
ARG RUST=1.95
FROM rust:${RUST}-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# rust-toolchain.toml is not in the context: the image's own toolchain is the one that builds.
ENV CARGO_TARGET_DIR=/target \
    CARGO_PROFILE_RELEASE_DEBUG=none \
    CARGO_PROFILE_RELEASE_STRIP=symbols \
    RUSTFLAGS="-C target-feature=+crt-static"
WORKDIR /source
COPY . .
# [path
# The checkout of the engine, where Cargo.toml looks for it.
COPY --from=engine . @engine_in_image@
# path]

# [repository
FROM build AS build-drill
# The explicit target keeps build scripts and proc macros out of RUSTFLAGS: they cannot be static.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target \
    target="$(rustc -vV | sed -n 's/^host: //p')" \
    && cargo build --release --locked --package lameduck-drill --bin lameduck-drill --target "$target" \
    && install -D "/target/$target/release/lameduck-drill" /image/lameduck-drill \
    && install -D -m 644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && printf 'nonroot:x:65532:65532::/:/\n' > /image/etc/passwd \
    && ! ldd /image/lameduck-drill 2>/dev/null | grep -q '=>'

FROM scratch AS drill
COPY --from=build-drill /image/ /
# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["/lameduck-drill"]
LABEL org.opencontainers.image.title="lameduck-drill" \
      org.opencontainers.image.description="How many requests does a rolling restart lose, seen from the clients' side?" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# repository]

FROM build AS build-service
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target \
    target="$(rustc -vV | sed -n 's/^host: //p')" \
    && cargo build --release --locked --package lameduck-service --target "$target" \
    && install -D "/target/$target/release/lameduck-service" /image/lameduck \
    && install -D -m 644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && printf 'nonroot:x:65532:65532::/:/\n' > /image/etc/passwd \
    && ! ldd /image/lameduck 2>/dev/null | grep -q '=>'

FROM scratch
COPY --from=build-service /image/ /
USER 65532:65532
EXPOSE 8080 8081 9000
ENTRYPOINT ["/lameduck"]

ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="lameduck" \
      org.opencontainers.image.description="A service whose rolling restarts lose nothing" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
