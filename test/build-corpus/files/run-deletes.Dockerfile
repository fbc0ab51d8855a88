FROM busybox
RUN mkdir /d && touch /d/a /d/b /gone
RUN rm /gone /d/a && rm -r /www
