// A handler that renders a Markdown file to HTML with markdown-it.
import { readFile } from 'node:fs/promises';
import markdownIt from 'markdown-it';

/**
 * @param {{ file: string }} input relative to the working directory
 * @param {import('@kb-labs/sandbox').HandlerContext} ctx
 */
export async function handle(input, ctx) {
  const text = await readFile(input.file, 'utf8');
  const md = markdownIt();
  const html = await ctx.trace.span('render', async () => md.render(text), { bytes: text.length });
  const headings = [...html.matchAll(/<h[12]>(.*?)<\/h[12]>/g)].map(([, heading]) => heading);
  console.log(`${headings.length} headings`);
  return { bytes: html.length, headings, start: html.slice(0, 120) };
}
