import js from '@eslint/js';
import globals from 'globals';

export default [
  // Fixtures are what a handler may be: broken, hostile, in any style.
  { ignores: ['node_modules/', 'build/', 'prebuilds/', '.tap/', '**/fixtures/'] },
  js.configs.recommended,
  {
    languageOptions: {
      ecmaVersion: 2024,
      sourceType: 'module',
      globals: globals.nodeBuiltin,
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'array-callback-return': 'error',
      eqeqeq: 'error',
      'no-constructor-return': 'error',
      'no-empty': ['error', { allowEmptyCatch: true }],
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'no-promise-executor-return': ['error', { allowVoid: true }],
      'no-self-compare': 'error',
      'no-template-curly-in-string': 'error',
      'no-unmodified-loop-condition': 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none' }],
      'no-useless-rename': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'prefer-object-has-own': 'error',
      'prefer-promise-reject-errors': 'error',
      strict: ['error', 'safe'],
    },
  },
  {
    // What a guest loads is CommonJS, so that starting it costs no module loader of its own.
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: globals.node },
  },
  {
    // Examples and tests provoke what the rules are against.
    files: ['examples/**', 'test/**'],
    rules: {
      'no-empty': 'off',
      'no-eval': 'off',
      'no-promise-executor-return': 'off',
      'no-unmodified-loop-condition': 'off',
      'prefer-promise-reject-errors': 'off',
    },
  },
];
