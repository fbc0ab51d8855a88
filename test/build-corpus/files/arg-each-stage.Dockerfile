FROM busybox AS one
ARG A=1
RUN echo "$A" > /one
FROM one
RUN echo "[$A]" > /two
