FROM busybox
COPY *.txt /txt/
COPY dir/[ot]* /ot/
COPY dir/???  /three/
