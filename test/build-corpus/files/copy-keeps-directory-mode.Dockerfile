FROM busybox
RUN mkdir -m 700 /p && chown 5:5 /p
COPY dir /p
