# shellcheck shell=bash
# All of the set-up's functions.
LIB=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=common.sh
source "$LIB/common.sh"
# shellcheck source=engine.sh
source "$LIB/engine.sh"
# shellcheck source=programs.sh
source "$LIB/programs.sh"
# shellcheck source=images.sh
source "$LIB/images.sh"
# shellcheck source=node.sh
source "$LIB/node.sh"
# shellcheck source=deployment.sh
source "$LIB/deployment.sh"
# shellcheck source=extras.sh
source "$LIB/extras.sh"
