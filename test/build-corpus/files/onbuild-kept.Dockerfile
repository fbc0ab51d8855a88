FROM busybox
ONBUILD RUN echo later > /later
ONBUILD COPY a.txt /
