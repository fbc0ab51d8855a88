FROM busybox
SHELL ["/bin/sh", "-ec"]
RUN echo ran > /ran
CMD run this
