/** A process that dies under its second seed. */
let seeds = 0;
process.on('message', () => {
  seeds += 1;
  if (seeds === 2) process.exit(3);
});
