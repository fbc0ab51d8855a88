# flags: --target middle
FROM busybox AS first
RUN echo 1 > /1
FROM first AS middle
RUN echo 2 > /2
FROM middle
RUN echo 3 > /3
