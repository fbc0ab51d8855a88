FROM busybox
CMD ["dropped"]
ENTRYPOINT exec top -b
