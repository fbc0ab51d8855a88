FROM busybox
COPY skipped /s
