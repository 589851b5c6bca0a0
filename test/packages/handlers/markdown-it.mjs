import MarkdownIt from 'markdown-it';

export function handle() {
  return new MarkdownIt({ linkify: true }).render('# Hi\n\n| a |\n|---|\n| **b** |');
}
