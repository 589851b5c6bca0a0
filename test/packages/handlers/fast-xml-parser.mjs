import { XMLBuilder, XMLParser } from 'fast-xml-parser';

export function handle() {
  const value = new XMLParser({ ignoreAttributes: false }).parse('<a><b c="1">x</b><b>2</b></a>');
  return { value, text: new XMLBuilder({ ignoreAttributes: false }).build(value) };
}
