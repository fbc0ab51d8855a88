FROM busybox
CMD echo $HOME "x y"
