#!/bin/sh
# First process of the guest, in the initramfs: loads what reaches the host's root over 9P, lays a tmpfs over it, so
# that everything can be written and nothing reaches the host, and goes on with second-init.sh in there.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev

fail() {
  echo "first-init: $*" >/dev/console
  poweroff -f
}

# Their names begin with their place in the order.
for module in /modules/*; do insmod "$module"; done

shared=trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose
mount -t 9p -o $shared root /host || fail "no root of the host"
mount -t tmpfs -o mode=755,size=50% tmpfs /over
mkdir /over/upper /over/work
mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work overlay /root || fail "no overlay"

mkdir -p /root/proc /root/sys /root/dev /root/run /root/tmp /root/usr/lib/modules
mount -t tmpfs -o mode=755 tmpfs /root/run
mkdir -p /root/run/guest /root/run/lock
mount -t 9p -o $shared guest /root/run/guest || fail "no folder of the run"
mount -t 9p -o $shared modules /root/usr/lib/modules || fail "no kernel modules"
for folder in proc sys dev; do mount --move /$folder /root/$folder; done
exec switch_root /root /bin/sh /run/guest/second-init.sh
