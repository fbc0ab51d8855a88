FROM busybox
# a comment
RUN echo one \
  # in the middle
  two \

  three > /words
  # with spaces before
ENV A=b\
c
