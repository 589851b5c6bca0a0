/** @param {unknown} input */
export async function handle(input) {
  return input;
}
