# The provisioner of volumes, and the shell and commands that its helper pods need.
FROM scratch
COPY busybox local-path-provisioner /bin/
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/bin
