FROM busybox
COPY --chmod=640 a.txt /one
COPY --chmod=711 exec.sh /two
