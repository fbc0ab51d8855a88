FROM busybox
ENTRYPOINT ["/bin/e", "-x"]
CMD ["y"]
