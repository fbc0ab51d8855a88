FROM scratch AS files
COPY dir /
FROM busybox
COPY --from=files / /in/
