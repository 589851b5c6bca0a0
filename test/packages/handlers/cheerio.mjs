import * as cheerio from 'cheerio';

export function handle() {
  const $ = cheerio.load('<ul><li class=a>One<li>Two</ul>');
  $('li').last().addClass('b');
  return {
    texts: $('li')
      .map((_, li) => $(li).text())
      .get(),
    html: $('ul').prop('outerHTML'),
  };
}
