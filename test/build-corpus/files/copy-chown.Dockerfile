FROM busybox
RUN echo daemon:x:1:1::/:/bin/sh >> /etc/passwd && echo bin:x:2: > /etc/group
COPY --chown=7:8 a.txt /one
COPY --chown=7 dir /two
COPY --chown=daemon:bin a.txt /three
