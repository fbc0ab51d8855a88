FROM busybox
ENV A=1 B="two words" C=three\ words D='$A'
ENV OLD old form with  spaces
ENV E=$A-${B} F=${NONE:-default} G=${A:+set}
