FROM busybox
ENV A= B=""
RUN test -z "$A$B" && echo "[$A$B]" > /empty
