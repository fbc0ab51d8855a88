FROM busybox AS one
CMD ["inherited"]
FROM one
ENTRYPOINT ["/e"]
