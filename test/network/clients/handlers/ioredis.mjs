import Redis from 'ioredis';

export async function handle({ host, password }) {
  const redis = new Redis({ host, password, retryStrategy: null, maxRetriesPerRequest: 0 });
  // It rejects what waits with an error of its own, and emits the one that says why.
  const failed = new Promise((_, reject) => redis.on('error', reject));
  const works = async () => {
    await redis.set('key', 'value');
    const all = await redis.multi().get('key').incr('count').expire('count', 60).exec();
    const [value] = all.map(([, result]) => result);
    redis.disconnect();
    return value;
  };
  return Promise.race([failed, works()]);
}
