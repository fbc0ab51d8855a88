FROM busybox
RUN echo '$HOME' "a\\b" > /q
ENV Q="it's" R='say "x"'
