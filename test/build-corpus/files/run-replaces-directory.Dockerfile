FROM busybox
RUN mkdir -p /d/x && touch /d/x/y
RUN rm -r /d && mkdir /d && touch /d/new
RUN rm -r /d && echo file > /d
