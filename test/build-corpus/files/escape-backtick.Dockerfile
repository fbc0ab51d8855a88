# escape=`
FROM busybox
RUN echo a `
  b > /words
ENV P=C:\dir
