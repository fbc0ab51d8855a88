FROM busybox
CMD a
CMD ["b"]
