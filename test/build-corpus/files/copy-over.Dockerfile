FROM busybox
COPY a.txt /f
COPY b.txt /f
RUN mkdir -p /d/keep && echo old > /d/one
COPY dir /d
