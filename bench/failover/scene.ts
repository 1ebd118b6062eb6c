/** What the parts of this case have in common. */

export const paths = 4;
/** So large that no load here visits each of its blocks in the time that it has. */
export const volumeBytes = 3 * 1024 ** 3;
