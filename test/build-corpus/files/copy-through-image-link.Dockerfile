FROM busybox
RUN mkdir /real && ln -s /real /link
COPY a.txt /link/
COPY dir /link/sub/
