#!/bin/sh
# First process of the guest, in the overlay of the host's root: what a program expects of a system, then the program
# as the only job, then the end. /run/guest is the folder of the run, which the host has filled.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C.UTF-8

mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
modprobe configfs && mount -t configfs configfs /sys/kernel/config
ln -sfn /proc/self/fd /dev/fd
ln -sfn /proc/self/fd/0 /dev/stdin
ln -sfn /proc/self/fd/1 /dev/stdout
ln -sfn /proc/self/fd/2 /dev/stderr

# /tmp is to be empty, but for the project, should it be there.
project=$(cat /run/guest/project)
mkdir -p /run/project
mount --bind "$project" /run/project
mount -t tmpfs -o mode=1777,size=50% tmpfs /tmp
mkdir -p "$project"
mount --move /run/project "$project"

hostname guest 2>/dev/null || echo guest >/proc/sys/kernel/hostname
busybox ip link set lo up
busybox ip address add 10.0.2.15/24 dev eth0
busybox ip link set eth0 up
busybox ip route add default via 10.0.2.2

for port in /sys/class/virtio-ports/*; do
  case $(cat "$port/name") in
    output) output=/dev/${port##*/} ;;
    control) control=/dev/${port##*/} ;;
  esac
done

# Only now, and not at the start: under emulation a second processor that runs while the kernel patches its own code
# has been seen to die of it (an int3 oops), and most of that patching is over.
for cpu in /sys/devices/system/cpu/cpu*/online; do
  [ "$(cat "$cpu")" = 1 ] || echo 1 >"$cpu"
done

exec 3>"$control"
echo begun >&3
setsid /bin/sh /run/guest/program.sh >"$output" 2>&1 </dev/null 3>&-
echo "ended $?" >&3
echo o >/proc/sysrq-trigger
# The power goes off soon, and until then the first process must not end. Nothing can be read from the host any more.
while :; do :; done
