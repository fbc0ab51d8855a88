/** glibc's gnu_dev_major and gnu_dev_minor; the high halves need more than 32 bits. */
export function deviceNumbers(device: number): { readonly major: number; readonly minor: number } {
  return {
    major: ((device >>> 8) & 0xfff) | (Math.floor(device / 2 ** 32) & 0xfffff000),
    minor: (device & 0xff) | ((device >>> 12) & 0xffffff00),
  };
}
