import { ESLint, Linter } from 'eslint';

export async function handle() {
  const linter = new Linter();
  const config = { rules: { 'no-var': 'error', 'no-unused-vars': 'error' } };
  const { output } = linter.verifyAndFix('var a = 1; a;', config);
  const eslint = new ESLint({ overrideConfigFile: true, overrideConfig: config });
  const [{ messages }] = await eslint.lintText('var a = 1;');
  return { output, rules: messages.map((message) => message.ruleId).sort() };
}
