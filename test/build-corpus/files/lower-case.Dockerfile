from busybox as base
run echo x > /x
from base
copy a.txt /a
cmd ["y"]
