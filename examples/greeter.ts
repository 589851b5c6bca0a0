// What compile-typescript.cjs compiles.
interface Guest {
  name: string;
  visits?: number;
}

export function greet({ name, visits = 0 }: Guest): string {
  return visits > 0 ? `Welcome back, ${name}!` : `Hello, ${name}!`;
}
