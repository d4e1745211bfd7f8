# The program alone, run by an ordinary user. Build it with `docker build --tag shopgrant .`.

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
# The caches outlive this build, so the program is copied out of them. Without symbols it is a fraction of
# the size.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    CARGO_PROFILE_RELEASE_DEBUG=none CARGO_PROFILE_RELEASE_STRIP=symbols \
    cargo build --locked --release --package shopgrant \
    && cp target/release/shopgrant /usr/local/bin/shopgrant

FROM debian:bookworm-slim
# Outgoing calls trust the authorities of the system.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --create-home --home-dir /var/lib/shopgrant shopgrant
COPY --from=build /usr/local/bin/shopgrant /usr/local/bin/shopgrant
COPY LICENSE /usr/share/doc/shopgrant/LICENSE
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
# The only place that is written to, and only for a SQLite file; the rest may be read-only.
WORKDIR /var/lib/shopgrant
# With this address `public_url` has to be set.
ENV SHOPGRANT__LISTEN=0.0.0.0:8080 SHOPGRANT__LOG__FORMAT=json
EXPOSE 8080
# Every role answers. There is no curl here, and bash can open a connection by itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD \
    ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["shopgrant"]
CMD ["serve"]
