# One image for every service and for the CLI; what it is to be is said by its arguments:
#   docker run parley policy routing
#   docker run --entrypoint node parley cli/main.ts topics check
FROM node:24-slim
ENV NODE_ENV=production \
    PARLEY_HOST=0.0.0.0 \
    PARLEY_PORT=4000
WORKDIR /app
COPY package.json package-lock.json ./
# No install scripts: the only one of use would fetch a second Node.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force
COPY . .
USER node
EXPOSE 4000 4001
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PARLEY_PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node runs TypeScript as it is, and ends on SIGTERM in order.
ENTRYPOINT ["node", "services/main.ts"]
