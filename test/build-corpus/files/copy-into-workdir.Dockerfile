FROM busybox
WORKDIR /w
COPY a.txt .
COPY dir ./
COPY b.txt ./sub/
