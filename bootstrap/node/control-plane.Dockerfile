# Every program of the control plane, under every name that its pods call.
FROM dlr-bootstrap/debian
COPY hyperkube etcd coredns local-path-provisioner /usr/local/bin/
RUN cd /usr/local/bin && for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubectl; do \
      ln -s hyperkube $name; done && ln -s usr/local/bin/coredns /coredns
