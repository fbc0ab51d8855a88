/** An image's place in the API: slashes of its name stay. */
export const imagePath = (name: string): string => `/images/${name.split('/').map(encodeURIComponent).join('/')}`;
