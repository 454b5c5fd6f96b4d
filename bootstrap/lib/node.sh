# shellcheck shell=bash
# The image of a Kubernetes node, as kind wants it: systemd, containerd and kubeadm
# on Debian, with the images of the control plane in its containerd already.

NODE_PACKAGES='systemd systemd-sysv dbus containerd runc iptables nftables iproute2 kmod conntrack ethtool socat mount
  procps containernetworking-plugins ca-certificates curl hostname'
BAKERY=dlr-bootstrap-bakery
NODE_PODS='dlr-bootstrap/kubernetes dlr-bootstrap/etcd dlr-bootstrap/coredns dlr-bootstrap/volumes dlr-bootstrap/pause'

make_node_image() {
  local context=$STATE/context.node
  node_context "$context"
  # shellcheck disable=SC2086 # a list of words
  has_image dlr-bootstrap/debian || debian_image dlr-bootstrap/debian $NODE_PACKAGES
  build_image dlr-bootstrap/kubernetes "$context" < "$BOOTSTRAP/node/kubernetes.Dockerfile"
  build_image dlr-bootstrap/volumes "$context" < "$BOOTSTRAP/node/volumes.Dockerfile"
  printf 'FROM scratch\nCOPY etcd /bin/\nENV PATH=/bin\n' | build_image dlr-bootstrap/etcd "$context"
  printf 'FROM scratch\nCOPY coredns /\nENTRYPOINT ["/coredns"]\n' | build_image dlr-bootstrap/coredns "$context"
  printf 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n' | build_image dlr-bootstrap/pause "$context"
  build_image dlr-bootstrap/node "$context" < "$BOOTSTRAP/node/Dockerfile"
  bake_node_image
  # shellcheck disable=SC2086
  docker image rm dlr-bootstrap/debian $NODE_PODS dlr-bootstrap/node
  docker image prune --force --filter label=dlr-bootstrap=stage
  rm -rf "$context"
}

node_context() { # DIRECTORY
  local program
  rm -rf "$1" && mkdir -p "$1"
  cp "$BOOTSTRAP"/node/* "$1/"
  for program in $(image_programs "$NODE_IMAGE"); do cp "$BIN/$program" "$1/"; done
  printf %s "$KUBERNETES" > "$1/version"
  debian_files "$1/packages" busybox-static
  mv "$1/packages/bin/busybox" "$1/" && rm -r "$1/packages"
}

# The images are put into a running node's containerd, and what that leaves is the image.
bake_node_image() {
  local id
  docker rm --force "$BAKERY" 2> /dev/null || true
  docker run --detach --privileged --network none --name "$BAKERY" --entrypoint sleep dlr-bootstrap/node infinity
  # shellcheck disable=SC2086
  docker save $NODE_PODS |
    docker exec --interactive "$BAKERY" sh -c 'cat > /images.tar'
  bake_script | docker exec --interactive "$BAKERY" bash -euo pipefail -s
  id=$(docker commit --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' "$BAKERY")
  docker rm --force "$BAKERY"
  docker tag "$id" "$NODE_IMAGE"
}

# Each image gets the names that kubeadm's and kind's manifests call it by.
bake_script() {
  local component
  cat "$BOOTSTRAP/node/import-images"
  for component in kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
    echo "name kubernetes registry.k8s.io/$component:$KUBERNETES"
  done
  echo "name etcd registry.k8s.io/etcd:$ETCD_TAG"
  echo "name coredns registry.k8s.io/coredns/coredns:$COREDNS"
  echo "name pause registry.k8s.io/pause:$PAUSE"
  echo stop_containerd
}
