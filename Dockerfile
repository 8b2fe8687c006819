# syntax=docker/dockerfile:1

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags="-s -w" -o /out/usr/bin/viche ./cmd/viche
# What the program expects around it. A named volume takes over the owner and
# mode of /data, so that the service can write there without being root.
RUN install -d -m 0755 /out/etc/ssl/certs /out/usr/share \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
 && cp -r /usr/share/zoneinfo /out/usr/share/zoneinfo \
 && echo 'viche:x:65532:65532:Viche:/data:/sbin/nologin' > /out/etc/passwd \
 && echo 'viche:x:65532:' > /out/etc/group \
 && install -d -m 1777 /out/tmp \
 && install -d -m 0700 -o 65532 -g 65532 /out/data

FROM scratch
COPY --from=build /out/ /
USER 65532:65532
WORKDIR /data
ENV VICHE_DATA=/data \
    VICHE_DATABASE=sqlite:/data/viche.db \
    VICHE_LISTEN=:8420
VOLUME /data
EXPOSE 8420
# There is no shell and no wget here: the program asks its own /readyz.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["/usr/bin/viche", "health"]
ENTRYPOINT ["/usr/bin/viche"]
CMD ["serve"]
